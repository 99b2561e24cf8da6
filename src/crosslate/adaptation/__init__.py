"""Jobs from end to end: adapt a parent, train one, trim one. Training, engines and evaluation meet here."""
