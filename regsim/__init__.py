"""regsim finds, explains and proves the fix of registry handles that keep a hive from unloading."""
