"""What protects a model from strangers, and what does not."""

from infra.exposure.args import ExposureArgs
from infra.settings.exposure import ROUTED


def warning(args: ExposureArgs, *, has_api_keys: bool) -> str | None:
    """Return in one sentence what strangers could do; None if the service is protected or not public.

    Args:
        args: How clients reach the service.
        has_api_keys: Whether the server requires an API key.

    """
    is_public = args.type in ROUTED or (args.type == "LoadBalancer" and not args.is_internal)
    if not is_public or args.source_ranges:
        return None
    if not has_api_keys:
        return (
            f"everybody who reaches the {args.type} can use the model: limit it by exposure.sourceRanges, or "
            "require API keys by access.apiKeys"
        )
    if args.tls is None:
        return (
            f"API keys cross the {args.type} in plain text: encrypt requests by exposure.tls, with the type "
            "Ingress or Gateway"
        )
    return None
