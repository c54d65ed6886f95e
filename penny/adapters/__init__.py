"""What lets other people's pools and executors run on Penny's workers.

Each module is for one library, imports `penny` and what that library offers for it, and is loaded
when somebody asks for it: `import penny.joblib`, `import penny.multiprocessing`, `penny.install()`.
"""
