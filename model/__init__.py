"""Checkpoint to artifact: export, parity gate, signature. Nothing here is imported by app/ or infra/."""

import logging

# torch for CUDA warns at import that Triton is missing, which exporting does not need.
logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)
