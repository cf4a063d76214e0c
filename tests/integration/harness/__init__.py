"""What the scenarios stand on: a real broker, the stand-in of the API, workers, and an account."""
