"""nbgrader's settings for this course: run its commands in the folder of this file."""

c = get_config()  # noqa: F821  # nbgrader gives it

c.CourseDirectory.course_id = "nnlit"
c.ExecutePreprocessor.timeout = 120  # seconds, of each cell of a submission
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
