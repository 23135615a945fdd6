"""What comes from outside and may be hostile or broken: checkpoint files, code that the user names, and data.

Names are imported from the modules, because some of them serve the command line, which starts without torch.
"""
