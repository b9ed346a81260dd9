"""A client made from the document of the interfaces, when it is asked for: a method an operation.

It knows nothing of the server but its OpenAPI document, so what it cannot do, no other client can.
Generators of code were tried: openapi-python-client 0.29.1 reads 3.1, but makes 9,806 lines in 82
files, leaves POST /batches out (its body is CBOR), and the answer of every file that is no text.
"""

import json
from uuid import uuid4


class Refusal(Exception):
    """A problem document; `problem` holds its fields."""

    def __init__(self, problem):
        super().__init__(f"{problem['status']}: {problem['detail']}")
        self.problem = problem


class Undocumented(Exception):
    """The server answered what its document does not say."""


class Client:
    """`http` is anything with `request(method, url, ...)`, with the key in its headers."""

    def __init__(self, http, document):
        self.http = http
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def __getattr__(self, name):
        if name not in self.operations:
            raise AttributeError(f"the document has no operation {name}")
        return lambda body=None, **values: self.call(name, body, values)

    def call(self, name, body, values):
        """Do one operation; return its JSON, or its bytes. Raises: Refusal, Undocumented."""
        method, path, operation = self.operations[name]
        query, headers = {}, {}
        places = {"path": {}, "query": query, "header": headers}
        for parameter in operation.get("parameters", ()):
            said = parameter["name"]
            key = said.lower().replace("-", "_")
            if key in values:
                places[parameter["in"]][said] = values.pop(key)
            elif said == "Idempotency-Key":
                headers[said] = uuid4().hex
            elif parameter.get("required"):
                raise TypeError(f"{name}: {key} is missing")
        if values:
            raise TypeError(f"{name}: it takes no {', '.join(values)}")
        content = self._content(operation, body, headers)
        answer = self.http.request(method, path.format(**places["path"]), params=query,
                                   headers=headers, content=content)  # fmt: skip
        return self._read(name, operation, answer)

    def every(self, name, **values):
        """Yield the items of a list, page after page."""
        after = ""
        while after is not None:
            page = getattr(self, name)(**values, after=after)
            yield from page["items"]
            after = page["next"]

    def _content(self, operation, body, headers):
        if body is None:
            return None
        (headers["Content-Type"],) = operation["requestBody"]["content"]
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    def _read(self, name, operation, answer):
        said = operation["responses"].get(str(answer.status_code))
        media = answer.headers.get("content-type", "").partition(";")[0]
        if said is None or (answer.content and media not in said.get("content", {})):
            raise Undocumented(f"{name}: {answer.status_code} {media}")
        if media == "application/problem+json":
            raise Refusal(answer.json())
        if answer.status_code == 304:
            return None
        return answer.json() if media == "application/json" else answer.content
