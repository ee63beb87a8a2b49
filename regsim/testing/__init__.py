"""regsim.testing"""
