"""Pictures: what a file is, what it says about itself, and what is shown of it.

`sniff` names a type by its content, `metadata` reads what the file tells, `sandbox` runs the decoders of strangers'
bytes in child processes (`child`, `derive`). Only `derive` imports pixel libraries, and only a child imports `derive`.
"""
