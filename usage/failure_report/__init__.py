"""Where failures come from: by class, model, credential, key and shape of body; and right now."""
