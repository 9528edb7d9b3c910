globalThis.exampleExtension = true;
