"""The store: entities, links, change log and work on its way, durable."""
