"""Answers with what it sees of itself, a thread for each request."""
import getpass
import http.server
import os
import signal
import sys
import tempfile


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/data/asked", "w") as f:
            f.write("python\n")
        tempfile.NamedTemporaryFile(prefix="asked", delete=False).close()
        text = f"pid {os.getpid()}\nhome {os.path.expanduser('~')}\nuser {getpass.getuser()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def stop(*_):
    print("stopped", flush=True)
    sys.exit(3)


signal.signal(signal.SIGTERM, stop)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
