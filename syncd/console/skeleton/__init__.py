"""A small connector and its twin, as `syncd connector new` writes them: `acme` is put into the name of the new one."""
