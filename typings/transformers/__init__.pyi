"""The classes of Transformers that `model/sources/huggingface.py` uses."""

from typing import Any

AutoConfig: Any
AutoModel: Any
AutoModelForSequenceClassification: Any
AutoModelForTokenClassification: Any
AutoTokenizer: Any
