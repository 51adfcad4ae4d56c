"""The image transformation network, how it runs on any picture and how it is trained."""
