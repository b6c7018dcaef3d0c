"""What benchmarks share: the app and the stack that they measure, viewers, the printed rows."""
