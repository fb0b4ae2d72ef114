"""What a person may ask and order; the command line and the web console are skins over it.

Questions and orders take a store or a world and return frozen dataclasses: `status`, `find`, `why`, `history`,
`work`, `check`, `runs`, `propose`. Only `commands` and `show` know of a terminal. Heavy packages are imported where
they are used: `syncd status` must answer at once.
"""
