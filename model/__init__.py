"""From a trained model to an artifact: export, parity gate, signature. Not imported by app/ or infra/."""
