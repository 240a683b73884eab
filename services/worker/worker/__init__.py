"""The worker of the insurance navigator: turns posted documents into chunks of text."""
