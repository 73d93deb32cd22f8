"""Takes a Keras classifier apart and puts copies of its layers together."""
