"""regsim.dialects"""
