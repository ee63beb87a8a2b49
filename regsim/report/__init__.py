"""regsim.report"""
