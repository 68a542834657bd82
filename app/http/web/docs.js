// The page at /docs: the OpenAPI document in Swagger UI.

const response = await fetch("openapi.json");
const spec = await response.json();
// Send requests to the server of this page, also behind a path prefix.
spec.servers = [{ url: new URL(".", document.baseURI).pathname }];
document.title = `${spec.info.title} · API documentation`;
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
SwaggerUIBundle({ dom_id: "#docs", spec, deepLinking: true, validatorUrl: null });
