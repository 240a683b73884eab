"""The storage server. Start reading at app.py, which lists the routes, then uploads.py, which keeps the promise."""
