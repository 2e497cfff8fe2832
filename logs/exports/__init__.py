"""Log exports as workers see them.

`queue` takes rows and keeps them, `file` writes the file, `store` keeps it, `tell` calls back and mails.
"""
