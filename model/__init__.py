"""From a trained model to an artifact: export, parity check, signature. app/ and infra/ do not import it."""

import logging

# torch for CUDA warns at import that Triton is missing, which exporting does not need.
logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)
