"""regsim.win32"""
