"""What random statements are written of: templates of expressions by kind, and what they are filled with.

`{integer}` in a template is another expression of that kind, `{word}` a choice of `choices.CHOICES`. A function of
`statements/function_list.py` that may be offloaded belongs into a template; nothing checks that yet.
"""
