"""
Time servers, asked themselves.

`ntp.py` asks for the time, `nts_ke.py` for keys, `checks.py` judges what they answered.
"""
