"""Jobs from end to end: train a parent, adapt it, translate, evaluate, the demo.

Training, engines and evaluation do not know each other; here they meet.
"""
