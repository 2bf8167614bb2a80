# A path of a test's folder.
import os


class Path:
    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return Path(self.path + "/" + name)

    def __str__(self):
        return self.path

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]

    def iterdir(self):
        return [self / name for name in os.listdir(self.path)]

    def read_bytes(self):
        with open(self.path, "rb") as file:
            return file.read()

    def write_bytes(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def write_text(self, text):
        with open(self.path, "w") as file:
            file.write(text)
