"""Checkpoint to artifact: export, parity gate, signature. Nothing here is imported by app/ or infra/."""
