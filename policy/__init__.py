"""What Kubernetes objects, clusters and registries must have, as a Pulumi policy pack and as a command.

The pack can be published alone: nothing in this folder imports another folder of the project.
"""
