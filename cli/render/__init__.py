"""What commands print, as bytes. Pure: data in, bytes out."""
