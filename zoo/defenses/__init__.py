"""What `zoo.defend` puts around a classifier, one module a defense."""
