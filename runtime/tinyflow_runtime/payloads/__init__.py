"""What a payload may be: types are read into shapes, and values checked, compared, converted, copied and encoded."""
