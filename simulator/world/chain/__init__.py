"""A chain in the deterministic world, its nodes and its people. What it holds is a model of its
own: only `waterfront`, where the gateway's rail meets it, uses anything of the gateway's."""
