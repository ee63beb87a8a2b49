"""regsim.check"""
