"""Log exports as workers see them.

`queue` takes rows and `lease` keeps them. `parts` looks after the parts of a file, `file` writes each of them
as `logs.formats` says, and `store` keeps it. `tell` calls back and mails.
"""
