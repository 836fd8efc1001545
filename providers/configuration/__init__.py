"""The upstream's configuration: settings as a form, its file with secrets hidden, its versions."""
