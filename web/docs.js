// Starts Swagger UI on our own document. Nothing here may ask another host: the content security policy forbids it.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
// Swagger UI has a dark dress, but leaves it to the page to put it on.
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dress);
dress();

if (typeof SwaggerUIBundle === "function") {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#document",
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => {
      // What Swagger UI leaves without a name.
      document.getElementById("servers")?.setAttribute("aria-label", "Server");
    },
  });
} else {
  document.getElementById("note").textContent = "Swagger UI could not be loaded. The document is at /openapi.json.";
}

// The phone's page is there in simulator mode only.
fetch("/about.json").then((answer) => answer.json()).then((about) => {
  document.getElementById("to-phone").hidden = !about.simulator;
}).catch(() => {});
