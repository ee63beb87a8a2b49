"""regsim.actors"""
