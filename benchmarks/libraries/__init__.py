"""edgeseq's accuracy beside that of forecasting libraries, on the same forecasts of the same series."""
