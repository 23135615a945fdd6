"""What comes from outside and may be hostile or broken: checkpoint files, and code that the user names."""

from gapkit.inputs.read import file_sha256, read
from gapkit.inputs.usercode import call_user, load_attribute, load_factory, parse_model_args

__all__ = ["call_user", "file_sha256", "load_attribute", "load_factory", "parse_model_args", "read"]
