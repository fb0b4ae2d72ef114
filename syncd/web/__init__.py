"""The web console: pages that the daemon's door serves, a skin over `syncd.console` as the command line is.

A page is a function from a `Visit` to a response; it reads, and changes nothing. An order is the same for a form that
was sent, and is carried out once however often the form is. `site` puts the pages together; `guard` and `sessions`
keep out whoever is not to see them. Everything works without JavaScript.
"""
