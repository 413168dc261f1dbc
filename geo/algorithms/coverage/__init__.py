"""What a camera, a station or a patrol reaches; where the next one should stand."""
