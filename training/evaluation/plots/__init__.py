"""Pictures of attacked images, and of accuracies as curves and bars."""
