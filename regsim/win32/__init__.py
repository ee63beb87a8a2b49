"""The Win32 and NT calls, as plans of kernel steps."""
